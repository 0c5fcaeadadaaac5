// Package ssrf keeps downloads away from addresses that an attacker may want the
// worker to request: server-side request forgery.
//
// The attacker controls the URL of a result, with its scheme, host and port; the
// DNS records of that host, which may change between two lookups; and the server
// at that host with its redirects. The attacker wants a request from inside the
// cluster: to the metadata service of the cloud, which hands out credentials, or
// to a neighbor of the worker. The operator controls WORKER_RESULT_HOSTS, which
// is trusted.
//
// What is checked, and when:
//
//   - The URL, before anything is resolved ([Guard.Check]): scheme, user, the
//     spelling of the host, the port, the patterns of WORKER_RESULT_HOSTS, and the
//     address if the host is one.
//   - Each redirect, as a URL: at most ten, and the Referer is removed because it
//     would carry the signed URL.
//   - Each address, after it is resolved and just before it is dialed. So it does
//     not matter what the name resolved to before. No packet goes to an address
//     that is refused.
//   - Proxies are not used. A proxy would resolve and dial where nothing is
//     checked.
//
// Without patterns, only public addresses can be reached, over https, on port 443
// or a port from 1024 on. With patterns, only hosts that match one can be reached.
// A pattern allows plain http and any port, unless it has a port itself. An
// address of the own network also needs a pattern that is the host's exact name
// or matches the address. An address that no file host has, such as the metadata
// service, needs a pattern that is this very address.
//
// Not covered: a public host that forwards requests to private addresses itself,
// a public address of the operator that only trusts its callers, and the body of
// an answer. A pattern of * allows private addresses to every host. The API's own
// address comes from the operator and is not checked.
package ssrf
