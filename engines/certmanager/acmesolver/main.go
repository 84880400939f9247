// The program of the pods that cert-manager starts while an ACME server looks whether a host is ours: it answers one challenge, over
// HTTP, until it is ended. Its flags are those that cert-manager's controller passes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	"k8s.io/klog/v2"
)

const drainFor = 5 * time.Second

func main() {
	var s solver.HTTP01Solver
	flag.IntVar(&s.ListenPort, "listen-port", 8089, "the port to listen on")
	flag.StringVar(&s.Domain, "domain", "", "the host that the challenge is for")
	flag.StringVar(&s.Token, "token", "", "the challenge's token")
	flag.StringVar(&s.Key, "key", "", "what to answer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(klog.Background()) }()
	select {
	case err := <-ended:
		if !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "acmesolver:", err)
			os.Exit(1)
		}
	case <-ctx.Done():
		draining, cancel := context.WithTimeout(context.Background(), drainFor)
		defer cancel()
		_ = s.Shutdown(draining) // what is still open then is cut off by the end of the process
	}
}
