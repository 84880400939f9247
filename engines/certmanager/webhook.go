package main

import (
	"context"

	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/webhook/configfile"
	"k8s.io/klog/v2"
)

// runWebhook checks cert-manager's objects as they are written, and notes in requests who made them.
func runWebhook(ctx context.Context, path string) error {
	file := configfile.New()
	if err := load(path, file); err != nil {
		return err
	}
	server, err := webhook.NewCertManagerWebhookServer(klog.FromContext(ctx), *file.Config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
