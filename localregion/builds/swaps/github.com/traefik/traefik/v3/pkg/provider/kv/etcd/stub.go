// SPDX-License-Identifier: GPL-3.0-or-later

// Package etcd stands for a provider that is not built in.
package etcd

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider has no options, and does not start.
type Provider struct{}

// Init says that the provider is not there.
func (*Provider) Init() error {
	return errors.New("the local region's Traefik is built without the provider etcd")
}

// Provide says so too.
func (p *Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return p.Init() }
