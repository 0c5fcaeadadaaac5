//go:build !linux

package main

// freeBytes cannot be told here.
func freeBytes(string) int64 { return 0 }
