package deployments

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// permits tells whether the rules of egress let a pod reach a port of an
// address by TCP. Peers that are not addresses do not count.
func permits(t *testing.T, policy manifest, target string) bool {
	t.Helper()
	addr := netip.MustParseAddrPort(target)
	for _, rule := range at(t, policy, "spec", "egress").([]any) {
		rule := rule.(manifest)
		if hasPort(t, rule, addr.Port()) && hasPeer(t, rule, addr.Addr()) {
			return true
		}
	}
	return false
}

func hasPort(t *testing.T, rule manifest, port uint16) bool {
	t.Helper()
	for _, entry := range at(t, rule, "ports").([]any) {
		protocol, set := entry.(manifest)["protocol"]
		if (!set || protocol == "TCP") && at(t, entry, "port") == float64(port) {
			return true
		}
	}
	return false
}

func hasPeer(t *testing.T, rule manifest, addr netip.Addr) bool {
	t.Helper()
	peers, ok := rule["to"].([]any)
	for _, peer := range peers {
		block, is := peer.(manifest)["ipBlock"].(manifest)
		if is && within(block["cidr"], addr) && !anyWithin(block["except"], addr) {
			return true
		}
	}
	return !ok // a rule without peers is for all
}

func within(cidr any, addr netip.Addr) bool {
	return netip.MustParsePrefix(cidr.(string)).Contains(addr)
}

func anyWithin(cidrs any, addr netip.Addr) bool {
	list, _ := cidrs.([]any)
	for _, cidr := range list {
		if within(cidr, addr) {
			return true
		}
	}
	return false
}

func TestNetworkPolicyLetsThroughWhatAWorkerNeeds(t *testing.T) {
	t.Parallel()
	policies := map[string]manifest{
		"chart":     render(t, enough+"networkPolicy: {enabled: true}")["NetworkPolicy"],
		"kustomize": build(t, "example")["NetworkPolicy"],
	}
	for target, want := range map[string]bool{
		"10.96.0.10:53":        true, // names, by the cluster's own service
		"169.254.20.10:53":     true, // and by the node's
		"10.4.5.6:4222":        true, // NATS
		"93.184.215.14:443":    true, // the job API, S3, results
		"[2606:4700::1]:443":   true,
		"93.184.215.14:80":     false,
		"10.96.0.1:443":        false, // the API of Kubernetes
		"100.64.7.8:443":       false,
		"169.254.169.254:80":   false, // the cloud's credentials
		"169.254.169.254:443":  false,
		"[fd00:ec2::254]:443":  false,
		"[fe80::1]:443":        false,
		"10.4.5.7:8080":        false, // another pod: they speak by NATS alone
		"10.4.5.8:4318":        false, // a collector, unless a rule is added
		"[2606:4700::1]:22000": false,
	} {
		for name, policy := range policies {
			require.Equal(t, want, permits(t, policy, target), "%s: %s", name, target)
		}
	}
	require.True(t, permits(t, render(t, everything)["NetworkPolicy"], "10.4.5.6:9000"), "a rule that was added")
}

func TestNetworkPolicyHoldsForThePodsAlone(t *testing.T) {
	t.Parallel()
	all := render(t, enough+"networkPolicy: {enabled: true}")
	for _, kind := range []string{"Deployment", "Job"} {
		labels := at(t, all[kind], "spec", "template", "metadata", "labels").(manifest)
		for name, value := range at(t, all["NetworkPolicy"], "spec", "podSelector", "matchLabels").(manifest) {
			require.Equal(t, value, labels[name], kind)
		}
	}
}
