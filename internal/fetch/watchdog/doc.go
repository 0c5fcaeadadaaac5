// Package watchdog makes HTTP requests that cannot hang. A request has a limit for
// being opened; its body has a limit for bringing no byte, and a least rate. No
// limit is a total: a large body may take its time.
//
// The package does not judge what an answer says, and does not try again.
package watchdog
