package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/hashicorp/consul-template/child"
)

// unknownExit stands for a process whose end could not be seen.
const unknownExit = 127

// process is the program that runs with the secrets in its environment.
type process struct {
	command *exec.Cmd
	done    chan struct{}
	code    int
}

// startProcess runs `words`; a single one with spaces in it goes through a shell.
func startProcess(words, environment []string) (*process, error) {
	arguments, _, err := child.CommandPrep(words)
	if err != nil {
		return nil, err
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = environment
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", arguments[0], err)
	}
	started := &process{command: command, done: make(chan struct{})}
	go func() {
		defer close(started.done)
		started.code = exitCode(command.Wait())
	}()
	return started, nil
}

// stop ends the process with `signal`, or the hard way when it is still there after `patience`.
func (p *process) stop(signal os.Signal, patience time.Duration) {
	_ = p.command.Process.Signal(signal) // one that has ended needs none
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// exitCode is what a process left behind: -1, which the system shows as 255, for one that a signal ended.
func exitCode(err error) int {
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &exit) {
		return unknownExit
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok {
		return unknownExit
	}
	return status.ExitStatus()
}
