package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// publishScope is the scope of tokens that publish by the API of operators.
const publishScope = "socketio:publish"

// userRooms is the beginning of the names of the rooms in which the sockets of one user are. Rooms
// that a configuration declares have other names.
const userRooms = "socketio-jwt:user:"

// maxUserRoom is the length from which on the name of a user's room has a hash. The limit of the
// server, 256 bytes, would refuse the user.
const maxUserRoom = 200

// userRoom returns the room of a user, which a request that publishes can address.
func userRoom(issuer, subject string) string {
	name := auth.RoomName(userRooms, issuer, subject)
	if len(name) <= maxUserRoom {
		return name
	}
	hash := sha256.Sum256([]byte(name)) // other names have a slash
	return userRooms + "sha256:" + hex.EncodeToString(hash[:])
}

// startUserRooms puts the sockets of each user into a room. A server without --admin does that
// too, if other nodes could publish.
func startUserRooms(_ context.Context, a *assembly) error {
	if a.command.Admin == "" && a.command.Redis == "" {
		return nil
	}
	a.gate.Rooms = append(a.gate.Rooms, auth.RoomsFunc(userRooms, func(_ context.Context, t *token.Token) ([]string, error) {
		if t.Subject == "" {
			return nil, nil
		}
		return []string{strings.TrimPrefix(userRoom(t.Issuer, t.Subject), userRooms)}, nil
	}))
	return nil
}
