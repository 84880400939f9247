// sample is a workload for checks of the cluster: a web server that ends gracefully, a client, a job and a crash in one static binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = "usage: sample serve | get URL | resolve NAME | exit CODE | sleep SECONDS"

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		code = 1
	}
	os.Exit(code)
}

func run(words []string) (int, error) {
	if len(words) == 0 {
		words = []string{"serve"}
	}
	if words[0] == "serve" {
		return 0, serve()
	}
	if len(words) != 2 {
		return 0, errors.New(usage)
	}
	switch words[0] {
	case "get":
		return 0, get(words[1])
	case "resolve":
		addresses, err := net.LookupHost(words[1])
		fmt.Println(addresses)
		return 0, err
	case "exit":
		return strconv.Atoi(words[1])
	case "sleep":
		seconds, err := strconv.ParseFloat(words[1], 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return 0, err
	}
	return 0, errors.New(usage)
}

func get(url string) error {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

// serve answers with the host's name and $VERSION on $PORT (8080). $READY_AFTER and $LINGER (seconds, 0) delay its readiness, and its
// end after SIGTERM.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	ready := time.Now().Add(seconds("READY_AFTER"))
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, host, os.Getenv("VERSION"), r.Method, r.Host, r.URL.Path)
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(ready) {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port, Handler: mux, ReadHeaderTimeout: time.Second}
	go func() {
		<-ctx.Done()
		time.Sleep(seconds("LINGER"))
		_ = server.Shutdown(context.Background())
	}()
	fmt.Println("listening on", port)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func seconds(variable string) time.Duration {
	value, _ := strconv.ParseFloat(os.Getenv(variable), 64) // unset: 0
	return time.Duration(value * float64(time.Second))
}
