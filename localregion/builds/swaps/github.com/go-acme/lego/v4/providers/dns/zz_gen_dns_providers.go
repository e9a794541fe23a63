// SPDX-License-Identifier: GPL-3.0-or-later

// Package dns has no provider: no DNS zone of the internet can be changed from the region.
package dns

import (
	"fmt"

	"github.com/go-acme/lego/v4/challenge"
)

// NewDNSChallengeProviderByName refuses every provider.
func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("the local region's Traefik is built without the DNS provider %s", name)
}
