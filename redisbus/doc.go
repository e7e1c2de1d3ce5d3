// Package redisbus is being built.
package redisbus
