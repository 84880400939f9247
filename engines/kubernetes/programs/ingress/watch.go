package ingress

import (
	"context"
	"sync/atomic"

	networking "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// watcher keeps a table of what the cluster holds now.
type watcher struct {
	client  kubernetes.Interface
	lists   informers.SharedInformerFactory
	address string
	changed chan struct{}
	current atomic.Pointer[table]
}

func (w *watcher) table() *table { return w.current.Load() }

// watch returns when the first table is there; the table is then renewed until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface, address string) (*watcher, error) {
	w := &watcher{client: client, lists: informers.NewSharedInformerFactory(client, 0), address: address, changed: make(chan struct{}, 1)}
	for _, informer := range []cache.SharedIndexInformer{
		w.lists.Networking().V1().IngressClasses().Informer(),
		w.lists.Networking().V1().Ingresses().Informer(),
		w.lists.Core().V1().Services().Informer(),
		w.lists.Discovery().V1().EndpointSlices().Informer(),
	} {
		notice := func(any) { w.notice() }
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: notice, UpdateFunc: func(_, _ any) { w.notice() }, DeleteFunc: notice,
		}); err != nil {
			return nil, err
		}
	}
	w.lists.Start(ctx.Done())
	w.lists.WaitForCacheSync(ctx.Done())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.renew(ctx)
	go w.follow(ctx)
	return w, nil
}

// Any number of changes that come while a table is being made ask for one more.
func (w *watcher) notice() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *watcher) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
			w.renew(ctx)
		}
	}
}

func (w *watcher) renew(ctx context.Context) {
	var all objects
	// Lists from a cache do not fail.
	all.classes, _ = w.lists.Networking().V1().IngressClasses().Lister().List(labels.Everything())
	all.ingresses, _ = w.lists.Networking().V1().Ingresses().Lister().List(labels.Everything())
	all.services, _ = w.lists.Core().V1().Services().Lister().List(labels.Everything())
	all.slices, _ = w.lists.Discovery().V1().EndpointSlices().Lister().List(labels.Everything())
	w.current.Store(newTable(all))
	ours := ownClasses(all.classes)
	for _, ingress := range all.ingresses {
		if w.address != "" && ours[className(ingress)] && !isPublished(ingress, w.address) {
			w.publish(ctx, ingress)
		}
	}
}

func isPublished(ingress *networking.Ingress, address string) bool {
	published := ingress.Status.LoadBalancer.Ingress
	return len(published) == 1 && published[0].IP == address
}

// publish writes where the Ingress can be reached; clients wait for that. What is refused comes again with the object's next change.
func (w *watcher) publish(ctx context.Context, ingress *networking.Ingress) {
	changed := ingress.DeepCopy()
	changed.Status.LoadBalancer.Ingress = []networking.IngressLoadBalancerIngress{{IP: w.address}}
	_, err := w.client.NetworkingV1().Ingresses(ingress.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		klog.ErrorS(err, "The status cannot be written", "ingress", klog.KObj(ingress))
	}
}
