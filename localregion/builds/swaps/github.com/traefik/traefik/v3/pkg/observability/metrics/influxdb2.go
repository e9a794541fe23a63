// SPDX-License-Identifier: GPL-3.0-or-later

package metrics

import (
	"context"

	"github.com/rs/zerolog/log"
	otypes "github.com/traefik/traefik/v3/pkg/observability/types"
)

// RegisterInfluxDB2 says that the exporter is not there.
func RegisterInfluxDB2(ctx context.Context, _ *otypes.InfluxDB2) Registry {
	log.Ctx(ctx).Error().Msg("the local region's Traefik is built without metrics for InfluxDB")
	return nil
}

// StopInfluxDB2 has nothing to stop.
func StopInfluxDB2() {}
