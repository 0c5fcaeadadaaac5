// Package deployments holds what the folder of that name ships against what it
// is made for, without a cluster: the chart and the base are rendered and held
// against the schemas of Kubernetes and KEDA, and whatever is written both
// there and in the program is compared. It has tests alone.
package deployments
