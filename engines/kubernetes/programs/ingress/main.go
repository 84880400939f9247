// Package ingress is an Ingress controller for one node: HTTP and HTTPS by host and path, straight to the pods that are ready. It
// covers what Ancla renders; where real users come in, run one of the well-known controllers.
package ingress

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	readHeaderTimeout = 10 * time.Second
	drainFor          = 5 * time.Second
)

type settings struct {
	kubeconfig, http, https, health, address, certificate string
}

// Main runs until SIGTERM and returns the exit code.
func Main(arguments []string) int {
	var s settings
	flags := flag.NewFlagSet("kube-ingress", flag.ExitOnError)
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.StringVar(&s.http, "http", ":80", "address for HTTP")
	flags.StringVar(&s.https, "https", ":443", "address for HTTPS")
	flags.StringVar(&s.health, "health", "", "address that answers GET /healthz")
	flags.StringVar(&s.address, "publish", "", "IP address to write into the status of Ingresses")
	flags.StringVar(&s.certificate, "default-certificate", "", "secret (namespace/name) for hosts that have none of their own")
	klog.InitFlags(flags)
	_ = flags.Parse(arguments) // ExitOnError
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "kube-ingress:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, s settings) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return fmt.Errorf("kubeconfig %s: %w", s.kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	byDefault, err := parseSecretName(s.certificate)
	if err != nil {
		return fmt.Errorf("-default-certificate=%s: %w", s.certificate, err)
	}
	watched, err := watch(ctx, client, s.address)
	if err != nil {
		return err
	}
	handler := newHandler(watched.table)
	secrets := &certificates{client, watched.table, byDefault}
	// Health is served last, when the routes are known: who sees it answer may send requests.
	return serve(ctx,
		&http.Server{Addr: s.http, Handler: handler, ReadHeaderTimeout: readHeaderTimeout},
		&http.Server{Addr: s.https, Handler: handler, ReadHeaderTimeout: readHeaderTimeout, TLSConfig: &tls.Config{GetCertificate: secrets.forHandshake}},
		&http.Server{Addr: s.health, Handler: healthy(), ReadHeaderTimeout: readHeaderTimeout},
	)
}

// serve returns when one of the servers fails, or nil when all have come to their end after ctx has.
func serve(ctx context.Context, servers ...*http.Server) error {
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() {
			if server.TLSConfig != nil {
				ended <- server.ListenAndServeTLS("", "")
			} else {
				ended <- server.ListenAndServe()
			}
		}()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	for _, server := range servers {
		_ = server.Shutdown(draining) // what is still open then is cut off by the end of the process
	}
	return nil
}

func healthy() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}
