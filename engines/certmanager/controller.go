package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/configfile"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	dns "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
)

// runController runs the controllers that the original runs by default. Metrics, profiling and the choice of a leader are left out:
// one of it is all that may run.
func runController(ctx context.Context, path string) error {
	file := configfile.New()
	if err := load(path, file); err != nil {
		return err
	}
	if file.Config.LeaderElectionConfig.Enabled {
		return errors.New("leaderElectionConfig.enabled: this build cannot choose a leader; run one replica, and set it to false")
	}
	options, err := controllerOptions(file.Config)
	if err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range defaults.DefaultEnabledControllers {
		made, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		group.Go(func() error { return made.Run(file.Config.NumberOfConcurrentWorkers, ctx) })
	}
	if err := startInformers(ctx, factory); err != nil {
		return err
	}
	// Health is served last: who sees it answer knows that all controllers were made.
	group.Go(func() error { return serveHealth(ctx, file.Config) })
	return group.Wait()
}

func controllerOptions(c *config.ControllerConfiguration) (controller.ContextOptions, error) {
	acme, err := acmeOptions(c)
	if err != nil {
		return controller.ContextOptions{}, err
	}
	shim := c.IngressShimConfig
	return controller.ContextOptions{
		KubernetesAPIQPS:   c.KubernetesAPIQPS,
		KubernetesAPIBurst: c.KubernetesAPIBurst,
		Namespace:          c.Namespace,
		ACMEOptions:        acme,
		IssuerOptions: controller.IssuerOptions{
			ClusterResourceNamespace:        c.ClusterResourceNamespace,
			ClusterIssuerAmbientCredentials: c.ClusterIssuerAmbientCredentials,
			IssuerAmbientCredentials:        c.IssuerAmbientCredentials,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerName:                 shim.DefaultIssuerName,
			DefaultIssuerKind:                 shim.DefaultIssuerKind,
			DefaultIssuerGroup:                shim.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: shim.DefaultAutoCertificateAnnotations,
			ExtraCertificateAnnotations:       shim.ExtraCertificateAnnotations,
		},
		CertificateOptions: controller.CertificateOptions{
			EnableOwnerRef:           c.EnableCertificateOwnerRef,
			CopiedAnnotationPrefixes: c.CopiedAnnotationPrefixes,
		},
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: c.MaxConcurrentChallenges},
	}, nil
}

func acmeOptions(c *config.ControllerConfiguration) (controller.ACMEOptions, error) {
	http, dns01 := c.ACMEHTTP01Config, c.ACMEDNS01Config
	options := controller.ACMEOptions{
		HTTP01SolverImage:            http.SolverImage,
		ACMEHTTP01SolverRunAsNonRoot: http.SolverRunAsNonRoot,
		HTTP01SolverNameservers:      http.SolverNameservers,
		DNS01CheckAuthoritative:      !dns01.RecursiveNameserversOnly,
		DNS01CheckRetryPeriod:        dns01.CheckRetryPeriod,
		DNS01Nameservers:             dns01.RecursiveNameservers,
	}
	if len(options.DNS01Nameservers) == 0 {
		options.DNS01Nameservers = dns.RecursiveNameservers
	}
	quantities := map[*resource.Quantity]string{
		&options.HTTP01SolverResourceRequestCPU:    http.SolverResourceRequestCPU,
		&options.HTTP01SolverResourceRequestMemory: http.SolverResourceRequestMemory,
		&options.HTTP01SolverResourceLimitsCPU:     http.SolverResourceLimitsCPU,
		&options.HTTP01SolverResourceLimitsMemory:  http.SolverResourceLimitsMemory,
	}
	for quantity, text := range quantities {
		parsed, err := resource.ParseQuantity(text)
		if err != nil {
			return options, fmt.Errorf("acmeHTTP01Config: %q: %w", text, err)
		}
		*quantity = parsed
	}
	return options, nil
}

// startInformers begins to watch what the controllers have asked for by now.
func startInformers(ctx context.Context, factory *controller.ContextFactory) error {
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return nil
}

func serveHealth(ctx context.Context, c *config.ControllerConfiguration) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.HealthzListenAddress)
	if err != nil {
		return err
	}
	return healthz.NewServer(c.LeaderElectionConfig.HealthzTimeout).Start(ctx, listener)
}
