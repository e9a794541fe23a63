// SPDX-License-Identifier: GPL-3.0-or-later

// Package version without the question to the internet for a newer one.
package version

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog/log"
)

var (
	// Version of Traefik.
	Version = "dev"
	// Codename of the version.
	Codename = "cheddar"
	// BuildDate of the program.
	BuildDate = "unknown"
	// StartDate of the process.
	StartDate = time.Now()
	// DisableDashboardAd takes the advertisement off the dashboard.
	DisableDashboardAd = false
)

// Handler answers with the version.
type Handler struct{}

// Append adds its route.
func (Handler) Append(router *mux.Router) {
	router.Methods(http.MethodGet).Path("/api/version").HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(response).Encode(map[string]any{
			"Version": Version, "Codename": Codename, "startDate": StartDate, "disableDashboardAd": DisableDashboardAd,
		}); err != nil {
			log.Error().Err(err).Send()
		}
	})
}

// CheckNewVersion asks nobody.
func CheckNewVersion() {}
