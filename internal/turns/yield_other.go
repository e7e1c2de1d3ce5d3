//go:build !linux

package turns

func yieldThread() {}
