package jsonstream

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func BenchmarkScanner(b *testing.B) {
	for name, pattern := range map[string]string{
		"tables": `{"ID":"x","cells":[["a",1.5e2],["b\n",null]]},`,
		"text":   `"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor",`,
	} {
		document := []byte("[" + strings.Repeat(pattern, 1<<20/len(pattern)) + "0]")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				var s scanner
				if n, err := s.feed(document); err != nil || n != len(document) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, pattern := range map[string]string{"ascii": "Lorem ipsum dolor sit amet ", "utf-8": "€ßжé", "escapes": `\u00e9\n\ud83d\ude00`} {
		src := []byte(strings.Repeat(pattern, 64<<10/len(pattern)))
		dst := make([]byte, len(src)+utf8.UTFMax)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, took, _, err := decode(dst, src); err != nil || took != len(src) {
					b.Fatal(took, err)
				}
			}
		})
	}
}
