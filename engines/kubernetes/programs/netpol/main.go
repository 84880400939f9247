// Package netpol enforces NetworkPolicies with kube-router's policy controller alone, by iptables and ipset: without its router, and
// without its service proxy, which needs IPVS.
package netpol

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	controller "github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	syncPeriod      = 30 * time.Second // also mends rules that somebody removed
	nodeAppearsIn   = 60 * time.Second
	healthyFor      = 3 * syncPeriod
	pause           = 300 * time.Millisecond // between two times that the rules are written
	shutdownTimeout = time.Second
)

// Main runs until SIGTERM and returns the exit code.
func Main(arguments []string) int {
	flags := flag.NewFlagSet("kube-netpol", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	node := flags.String("node", "", "name of this node")
	services := flags.String("service-cidr", "", "addresses of services")
	health := flags.String("health", "", "address that answers GET /healthz")
	klog.InitFlags(flags)
	_ = flags.Parse(arguments) // ExitOnError
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *node, *services, *health); err != nil {
		fmt.Fprintln(os.Stderr, "kube-netpol:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, kubeconfig, node, services, health string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	policies, err := newController(ctx, client, settings(node, services), noticing(changed))
	if err != nil {
		return err
	}
	beats := make(chan *healthcheck.ControllerHeartbeat, 1)
	go serveHealth(ctx, health, beats)
	go paced(ctx, policies, changed)
	var running sync.WaitGroup
	running.Add(1)
	go policies.Run(beats, ctx.Done(), &running)
	<-ctx.Done()
	running.Wait()
	return nil
}

func settings(node, services string) *options.KubeRouterConfig {
	o := options.NewKubeRouterConfig()
	o.HostnameOverride = node
	o.ClusterIPCIDRs = []string{services}
	o.EnableIPv4, o.EnableIPv6, o.RunFirewall = true, false, true
	o.IPTablesSyncPeriod = syncPeriod
	return o
}

func newController(ctx context.Context, client kubernetes.Interface, o *options.KubeRouterConfig, handler cache.ResourceEventHandler) (*controller.NetworkPolicyController, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced, policies.HasSynced, namespaces.HasSynced) {
		return nil, ctx.Err()
	}
	iptables, ipsets, err := controller.NewIPTablesHandlers(o)
	if err != nil {
		return nil, err
	}
	made, err := whenNodeIsThere(ctx, func() (*controller.NetworkPolicyController, error) {
		return controller.NewNetworkPolicyController(client, o, pods, policies, namespaces, &sync.Mutex{}, iptables, ipsets)
	})
	if err != nil {
		return nil, err
	}
	for _, informer := range []cache.SharedIndexInformer{pods, namespaces, policies} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// The controller reads the node's addresses when it is made, and the kubelet may register the node later than that.
func whenNodeIsThere[T any](ctx context.Context, attempt func() (T, error)) (T, error) {
	for end := time.Now().Add(nodeAppearsIn); ; {
		made, err := attempt()
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return made, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// paced has the rules written when something changed that they depend on. The controller writes all of them anew, in dozens of processes,
// for each request, so what changes within a moment is written in one go.
func paced(ctx context.Context, policies *controller.NetworkPolicyController, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			policies.RequestFullSync()
			time.Sleep(pause)
		}
	}
}

// noticing tells of what the rules depend on; any number of changes that come while they are being written ask for one more time.
func noticing(changed chan<- struct{}) cache.ResourceEventHandler {
	notice := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if pod, ok := object.(*core.Pod); !ok || pod.Status.PodIP != "" {
				notice(object)
			}
		},
		UpdateFunc: func(before, after any) {
			if old, ok := before.(*core.Pod); !ok || concerns(old, after.(*core.Pod)) {
				notice(after)
			}
		},
		DeleteFunc: notice,
	}
}

// concerns says whether rules may be other ones for the pod as it is now; most of what changes in a pod does not matter to them.
func concerns(before, after *core.Pod) bool {
	return before.Status.Phase != after.Status.Phase ||
		before.Status.PodIP != after.Status.PodIP ||
		before.Status.HostIP != after.Status.HostIP ||
		!maps.Equal(before.Labels, after.Labels)
}

// serveHealth answers 200 while the controller goes on bringing the rules up to date: it sends a beat at each time it does.
func serveHealth(ctx context.Context, address string, beats <-chan *healthcheck.ControllerHeartbeat) {
	var last atomic.Int64
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-beats:
				last.Store(time.Now().UnixNano())
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if time.Since(time.Unix(0, last.Load())) > healthyFor {
			http.Error(w, "the rules are not being brought up to date", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: shutdownTimeout}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		klog.Fatal(err)
	}
}
