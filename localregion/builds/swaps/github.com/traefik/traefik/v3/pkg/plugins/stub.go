// SPDX-License-Identifier: GPL-3.0-or-later

// Package plugins stands for plugins, which the region's Traefik has no interpreter for.
package plugins

import (
	"context"
	"errors"
	"net/http"

	"github.com/traefik/traefik/v3/pkg/provider"
)

var errMissing = errors.New("the local region's Traefik is built without plugins")

// Settings has no options.
type Settings struct{}

// Descriptor names a plugin.
type Descriptor struct {
	ModuleName string `json:"moduleName,omitempty" toml:"moduleName,omitempty" yaml:"moduleName,omitempty"`
	Version    string `json:"version,omitempty" toml:"version,omitempty" yaml:"version,omitempty"`
}

// LocalDescriptor names a plugin in a folder.
type LocalDescriptor struct {
	ModuleName string `json:"moduleName,omitempty" toml:"moduleName,omitempty" yaml:"moduleName,omitempty"`
}

// Constructor makes a middleware.
type Constructor func(context.Context, http.Handler) (http.Handler, error)

// Builder makes nothing.
type Builder struct{}

// NewBuilder refuses if there is anything to make.
func NewBuilder(_ *Manager, plugins map[string]Descriptor, local map[string]LocalDescriptor) (*Builder, error) {
	if len(plugins)+len(local) > 0 {
		return nil, errMissing
	}
	return &Builder{}, nil
}

// Build refuses.
func (*Builder) Build(string, map[string]interface{}, string) (Constructor, error) {
	return nil, errMissing
}

// BuildProvider refuses.
func (*Builder) BuildProvider(string, map[string]interface{}) (provider.Provider, error) {
	return nil, errMissing
}

// Manager holds nothing.
type Manager struct{}

// ManagerOptions names a folder.
type ManagerOptions struct{ Output string }

// Downloader fetches nothing.
type Downloader struct{}

// RegistryDownloaderOptions says how to fetch.
type RegistryDownloaderOptions struct {
	HTTPClient   *http.Client
	ArchivesPath string
}

// NewRegistryDownloader refuses.
func NewRegistryDownloader(RegistryDownloaderOptions) (*Downloader, error) { return nil, errMissing }

// NewManager refuses.
func NewManager(*Downloader, ManagerOptions) (*Manager, error) { return nil, errMissing }

// SetupRemotePlugins refuses.
func SetupRemotePlugins(*Manager, map[string]Descriptor) error { return errMissing }

// SetupLocalPlugins refuses.
func SetupLocalPlugins(map[string]LocalDescriptor) error { return errMissing }
