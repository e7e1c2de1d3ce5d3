//go:build !linux

package token

func yieldThread() {}
