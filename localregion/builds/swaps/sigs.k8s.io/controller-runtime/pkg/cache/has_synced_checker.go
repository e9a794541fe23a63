// SPDX-License-Identifier: GPL-3.0-or-later

package cache

import (
	"time"

	toolscache "k8s.io/client-go/tools/cache"
)

// HasSyncedChecker is what client-go demands since 0.36 and this release of controller-runtime does not have yet.
func (h handlerRegistration) HasSyncedChecker() toolscache.DoneChecker {
	done := make(chan struct{})
	go func() {
		for !h.HasSynced() {
			time.Sleep(100 * time.Millisecond)
		}
		close(done)
	}()
	return synced(done)
}

type synced chan struct{}

// Name of what is waited for.
func (synced) Name() string { return "informers of several namespaces" }

// Done is closed once all have synced.
func (s synced) Done() <-chan struct{} { return s }
