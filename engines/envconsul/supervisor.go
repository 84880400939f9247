package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"syscall"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/consul-template/watch"
)

// supervisor starts the process once every secret has been read, starts it anew when one changes, and ends with it.
type supervisor struct {
	config      *Config
	secrets     map[string]map[string]string
	environment []string
	process     *process
}

// run returns the exit code of this program.
func (s *supervisor) run(secrets, renewal *watch.Watcher, received <-chan os.Signal) int {
	for {
		select {
		case view := <-secrets.DataCh():
			if err := s.receive(view); err != nil {
				return failed(err)
			}
		// A view that tries again says so by itself, and stands still until it has been heard.
		case <-secrets.ServerErrCh():
		case <-renewal.ServerErrCh():
		case err := <-secrets.ErrCh():
			s.stop()
			return failed(err)
		case err := <-renewal.ErrCh():
			s.stop()
			return failed(err)
		case <-s.done():
			if s.process.code != 0 {
				log.Printf("[ERR] (cli) unexpected exit from subprocess (%d)", s.process.code)
			}
			return s.process.code
		case signal := <-received:
			if signal == syscall.SIGINT {
				s.stop()
				return exitInterrupt
			}
			s.pass(signal)
		}
	}
}

// done is closed when the process has ended; while there is none, it never is.
func (s *supervisor) done() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.done
}

func (s *supervisor) receive(view *watch.View) error {
	secret, ok := view.Data().(*dependency.Secret)
	if !ok {
		return fmt.Errorf("%s is no secret but %T", view.Dependency(), view.Data())
	}
	s.secrets[view.Dependency().String()] = variablesOf(secret)
	return s.start()
}

// start runs the process if all secrets are known and its environment is not the one that it has already.
func (s *supervisor) start() error {
	if len(s.secrets) < len(s.config.Secret) {
		return nil
	}
	environment := merged(os.Environ(), s.layers()...)
	if s.process != nil && slices.Equal(environment, s.environment) {
		return nil
	}
	s.stop()
	started, err := startProcess(s.config.Exec.Command, environment)
	if err != nil {
		return err
	}
	s.process, s.environment = started, environment
	return nil
}

// layers are the variables of the secrets in the order of the configuration, in which a later one wins.
func (s *supervisor) layers() []map[string]string {
	layers := make([]map[string]string, 0, len(s.config.Secret))
	for _, secret := range s.config.Secret {
		query, err := dependency.NewVaultReadQuery(secret.Path)
		if err == nil {
			layers = append(layers, s.secrets[query.String()])
		}
	}
	return layers
}

// pass hands a signal on; the one that is to end the process gives it its time, and then ends it. A signal that comes before there is
// a process is lost, as it is with the original: who must not wait for ever for a secret that is not there has to set a limit from
// outside.
func (s *supervisor) pass(signal os.Signal) {
	if s.process == nil || signal == syscall.SIGCHLD || signal == syscall.SIGURG {
		return
	}
	if signal == config.SignalVal(s.config.Exec.KillSignal) {
		s.stop()
		return
	}
	if err := s.process.command.Process.Signal(signal); err != nil {
		log.Printf("[WARN] (cli) %s did not reach the subprocess: %s", signal, err)
	}
}

func (s *supervisor) stop() {
	if s.process != nil {
		s.process.stop(config.SignalVal(s.config.Exec.KillSignal), config.TimeDurationVal(s.config.Exec.KillTimeout))
	}
}

func failed(err error) int {
	log.Printf("[ERR] (cli) %s", err)
	return exitRunner
}
