// SPDX-License-Identifier: GPL-3.0-or-later

// Package register links Oracle's provider alone.
package register

import (
	_ "github.com/external-secrets/external-secrets/pkg/provider/oracle"
)
