package ingress

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
)

const (
	dialWithin  = time.Second
	maxAttempts = 4
)

var errNoEndpoint = errors.New("the service has no ready endpoint")

// balancer sends each request to one of its route's endpoints, in turn, and to the next one where the first does not take it: an
// endpoint that goes away is known here only moments later.
type balancer struct {
	turn atomic.Uint64
	// Connections are kept only for requests that may be sent again, since a server that ends closes the idle ones, perhaps at the
	// very moment in which a request is on its way.
	kept, fresh http.RoundTripper
}

func newBalancer() *balancer {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.Proxy = nil
	kept.DialContext = (&net.Dialer{Timeout: dialWithin}).DialContext
	kept.MaxIdleConnsPerHost = 64
	kept.DisableCompression = true
	kept.ForceAttemptHTTP2 = false
	fresh := kept.Clone()
	fresh.DisableKeepAlives = true
	return &balancer{kept: kept, fresh: fresh}
}

// endpointsKey leads to a func() []string: the endpoints of the request's route, as they are when it is called.
type endpointsKey struct{}

// newHandler routes by the table that is current at the moment of each attempt.
func newHandler(current func() *table) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport:     newBalancer(),
		FlushInterval: -1, // events are passed on as they come
		ErrorHandler:  answerError,
		ErrorLog:      log.New(io.Discard, "", 0), // answerError has said it
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, path := r.Host, r.URL.Path
		if current().find(host, path) == nil {
			http.Error(w, "no ingress has this host and path", http.StatusNotFound)
			return
		}
		endpoints := func() []string {
			if found := current().find(host, path); found != nil {
				return found.endpoints
			}
			return nil
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), endpointsKey{}, endpoints)))
	})
}

// RoundTrip tries endpoints until one answers, none of them twice. It implements http.RoundTripper.
func (b *balancer) RoundTrip(request *http.Request) (*http.Response, error) {
	endpoints := request.Context().Value(endpointsKey{}).(func() []string)
	repeatable := isRepeatable(request)
	transport := b.fresh
	if repeatable {
		transport = b.kept
	}
	body := request.Body
	failure := errNoEndpoint
	tried := map[string]bool{}
	for turn := b.turn.Add(1); len(tried) < maxAttempts; turn++ {
		host := choose(endpoints(), turn, tried)
		if host == "" {
			return nil, failure
		}
		tried[host] = true
		target := *request
		target.URL = withHost(request.URL, host)
		if body != nil {
			target.Body = &kept{body: body}
		}
		response, err := transport.RoundTrip(&target)
		if err == nil || request.Context().Err() != nil || !(repeatable || neverConnected(err)) {
			return response, err
		}
		klog.InfoS("Trying another endpoint", "failed", host, "err", err)
		failure = err
	}
	return nil, failure
}

// kept is a request's body as a transport gets it. A transport closes the body even where it never connected, and the server closes it in
// the end. The server does so as soon as the answer begins; a transport that then asks once more whether the body has really ended must
// not be told that it is closed, or it takes the connection down with the answer that is still on it.
type kept struct {
	body  io.Reader
	ended bool
}

func (k *kept) Read(buffer []byte) (int, error) {
	if k.ended {
		return 0, io.EOF
	}
	count, err := k.body.Read(buffer)
	k.ended = err == io.EOF
	return count, err
}

func (k *kept) Close() error { return nil }

// choose gives the endpoint whose turn it is, leaving out those that were tried; "" if no other is left.
func choose(endpoints []string, turn uint64, tried map[string]bool) string {
	for i := range endpoints {
		if host := endpoints[(turn+uint64(i))%uint64(len(endpoints))]; !tried[host] {
			return host
		}
	}
	return ""
}

// isRepeatable tells whether a request may be sent again although the first one may have been served.
func isRepeatable(request *http.Request) bool {
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return (request.Body == nil || request.Body == http.NoBody) && request.Header.Get("Upgrade") == ""
	}
	return false
}

func neverConnected(err error) bool {
	var failure *net.OpError
	return errors.As(err, &failure) && failure.Op == "dial"
}

func withHost(original *url.URL, host string) *url.URL {
	changed := *original
	changed.Host = host
	return &changed
}

func answerError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client is gone
	}
	if errors.Is(err, errNoEndpoint) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	klog.ErrorS(err, "No endpoint answered", "host", r.Host, "method", r.Method, "path", r.URL.Path)
	http.Error(w, "the service did not answer", http.StatusBadGateway)
}
