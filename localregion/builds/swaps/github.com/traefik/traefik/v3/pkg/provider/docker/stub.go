// SPDX-License-Identifier: GPL-3.0-or-later

// Package docker stands for providers that are not built in.
package docker

import (
	"errors"

	ptypes "github.com/traefik/paerser/types"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider does not start; its option is one that Traefik's own checks read.
type Provider struct {
	HTTPClientTimeout ptypes.Duration
}

// Init says that the provider is not there.
func (*Provider) Init() error {
	return errors.New("the local region's Traefik is built without the provider docker")
}

// Provide says so too.
func (p *Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return p.Init() }

// SwarmProvider does not start; its options are those that Traefik's own checks read.
type SwarmProvider struct {
	HTTPClientTimeout ptypes.Duration
	RefreshSeconds    ptypes.Duration
}

// Init says that the provider is not there.
func (*SwarmProvider) Init() error {
	return errors.New("the local region's Traefik is built without the provider swarm")
}

// Provide says so too.
func (p *SwarmProvider) Provide(chan<- dynamic.Message, *safe.Pool) error { return p.Init() }
