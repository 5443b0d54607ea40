// Package helm has the tests of the Helm chart in examples/kubernetes, with Helm itself and Kubernetes' own types.
package helm
