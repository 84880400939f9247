package main

import (
	"context"
	"errors"

	config "github.com/cert-manager/cert-manager/internal/apis/config/cainjector"
	"github.com/cert-manager/cert-manager/pkg/api"
	"github.com/cert-manager/cert-manager/pkg/cainjector/configfile"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// runInjector writes the authority that signs for the webhook into the webhook's configuration.
func runInjector(ctx context.Context, path string) error {
	file := configfile.New()
	if err := load(path, file); err != nil {
		return err
	}
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	kinds := runtime.NewScheme()
	if err := errors.Join(kubernetes.AddToScheme(kinds), api.AddToScheme(kinds)); err != nil {
		return err
	}
	manager, err := ctrl.NewManager(cluster, ctrl.Options{
		Scheme:  kinds,
		Metrics: metrics.Options{BindAddress: file.Config.MetricsListenAddress},
		// Of secrets, only those that are injected are read whole; all others are known by their metadata.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&core.Secret{}}}},
	})
	if err != nil {
		return err
	}
	if err := cainjector.RegisterAllInjectors(ctx, manager, injectorOptions(file.Config)); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func injectorOptions(c *config.CAInjectorConfiguration) cainjector.SetupOptions {
	injected := c.EnableInjectableConfig
	return cainjector.SetupOptions{
		Namespace:                    c.Namespace,
		EnableCertificatesDataSource: c.EnableDataSourceConfig.Certificates,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   injected.MutatingWebhookConfigurations,
			cainjector.ValidatingWebhookConfigurationName: injected.ValidatingWebhookConfigurations,
			cainjector.APIServiceName:                     injected.APIServices,
			cainjector.CustomResourceDefinitionName:       injected.CustomResourceDefinitions,
		},
	}
}
