package fetchtest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Resolver returns a resolver with a DNS server for one name: the n-th lookup of
// its IPv4 addresses gets the n-th answer, and further ones the last.
func Resolver(answers ...[]string) *net.Resolver {
	var mu sync.Mutex
	asked := 0
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		resolver, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				mu.Lock()
				answer := answers[min(asked, len(answers)-1)]
				reply, counted := dnsReply(query, answer)
				if counted {
					asked++
				}
				mu.Unlock()
				_, _ = server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)) //nolint:gosec // a few dozen bytes
			}
		}()
		return resolver, nil
	}}
}

// dnsReply answers a query for A records, and any other with no record (RFC
// 1035, section 4).
func dnsReply(query []byte, addresses []string) (reply []byte, isA bool) {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	isA = binary.BigEndian.Uint16(query[end+1:]) == 1
	if !isA {
		addresses = nil
	}
	reply = append(append([]byte{}, query[:2]...), 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0) //nolint:gosec // a few addresses
	reply = append(reply, question...)
	for _, addr := range addresses {
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, netip.MustParseAddr(addr).AsSlice()...)
	}
	return reply, isA
}
