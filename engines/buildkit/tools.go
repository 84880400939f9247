//go:build tools

// Package tools names the commands that this module builds, so that go.mod and go.sum pin all of their dependencies.
package tools

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
