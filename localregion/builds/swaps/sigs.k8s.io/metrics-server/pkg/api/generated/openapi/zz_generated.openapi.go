// SPDX-License-Identifier: GPL-3.0-or-later

// Package openapi has the models of Kubernetes as this build has it, which names them otherwise than the release that
// metrics-server was generated for: its own would not be found, and it would end at its start.
package openapi

import (
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// GetOpenAPIDefinitions gives the models, as kube-apiserver has them.
func GetOpenAPIDefinitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	return openapi.GetOpenAPIDefinitions(ref)
}
