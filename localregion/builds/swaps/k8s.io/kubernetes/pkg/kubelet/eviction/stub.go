// SPDX-License-Identifier: GPL-3.0-or-later

// Package eviction without the kubelet that it belongs to, for the controller that collects finished pods.
package eviction

import (
	v1 "k8s.io/api/core/v1"
)

// Reason is the reason that a pod's status gives for its eviction.
const Reason = "Evicted"

// PodIsEvicted tells whether a pod failed by its eviction.
func PodIsEvicted(status v1.PodStatus) bool {
	return status.Phase == v1.PodFailed && status.Reason == Reason
}
