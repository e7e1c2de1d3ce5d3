//go:build !unix

package turns

func throughNetwork() bool { return false }
