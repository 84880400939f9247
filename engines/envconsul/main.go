// Command envconsul runs a program with secrets of Vault in its environment. It stands in for HashiCorp's program of that name,
// whose module cannot be had from the module proxy, where the engines run on one machine; in a real cluster the original runs. It
// is built on the same library (consul-template), and reads the part of the original's configuration that Ancla writes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/hashicorp/consul-template/logging"
	"github.com/hashicorp/consul-template/watch"
)

// The original's exit codes.
const (
	exitInterrupt = 12
	exitFlags     = 13
	exitRunner    = 14
	exitConfig    = 15
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(arguments []string) int {
	flags := flag.NewFlagSet("envconsul", flag.ContinueOnError)
	path := flags.String("config", "", "the configuration, a file in JSON")
	level := flags.String("log-level", "WARN", "what is said on stderr: DEBUG, INFO, WARN, ERR")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: envconsul -config=FILE; the command stands in the file, as exec.command")
		return exitFlags
	}
	if err := logging.Setup(&logging.Config{Level: *level, Writer: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFlags
	}
	parsed, err := readConfig(*path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "[ERR] (cli)", err)
		return exitConfig
	}
	return supervise(parsed)
}

func supervise(parsed *Config) int {
	clients, err := logIn(parsed.Vault)
	if err != nil {
		return failed(err)
	}
	stopped := make(chan struct{})
	defer close(stopped)
	renewal, err := watch.VaultTokenWatcher(clients, parsed.Vault, stopped)
	if err != nil {
		return failed(err)
	}
	secrets, err := watchSecrets(clients, parsed)
	if err != nil {
		return failed(err)
	}
	received := make(chan os.Signal, 8)
	signal.Notify(received)
	held := &supervisor{config: parsed, secrets: map[string]map[string]string{}}
	return held.run(secrets, renewal, received)
}
