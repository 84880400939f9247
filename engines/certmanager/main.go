// The three programs of cert-manager in one static binary, from the library that its makers' own commands are made of; each takes the
// configuration file of the original. The first argument says which program it is to be.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// A program runs until the context ends. The path leads to its configuration file.
var programs = map[string]func(ctx context.Context, path string) error{
	"cainjector": runInjector,
	"controller": runController,
	"webhook":    runWebhook,
}

func main() {
	flags := flag.NewFlagSet("cert-manager", flag.ExitOnError)
	path := flags.String("config", "", "configuration file")
	klog.InitFlags(flags)
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
		_ = flags.Parse(os.Args[2:]) // ExitOnError
	}
	program, found := programs[name]
	if !found {
		names := strings.Join(slices.Sorted(maps.Keys(programs)), ", ")
		fmt.Fprintf(os.Stderr, "say which program to run, one of %s, and give its configuration with -config\n", names)
		os.Exit(2)
	}
	os.Exit(run(program, name, *path))
}

func run(program func(context.Context, string) error, name, path string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := klog.Background().WithName(name)
	ctrl.SetLogger(log)
	if err := program(klog.NewContext(ctx, log), path); err != nil {
		fmt.Fprintf(os.Stderr, "cert-manager %s: %v\n", name, err)
		return 1
	}
	return 0
}

func load(path string, file configfile.ConfigFile) error {
	loader, err := configfile.NewConfigurationFSLoader(nil, path)
	if err != nil {
		return err
	}
	if err := loader.Load(file); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}
