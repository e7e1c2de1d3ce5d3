package load

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// roomSize is how many members each room has.
const roomSize = 10

// RoomName returns the name of a room of the mode Rooms.
func RoomName(i int) string { return "room-" + strconv.Itoa(i) }

// inRooms measures what one delivered message costs the server when it sends to many small rooms, one after the other.
func (g *generator) inRooms() (Result, error) {
	if g.Count < roomSize {
		return Result{}, fmt.Errorf("%d connections, and a room has %d", g.Count, roomSize)
	}
	rooms := g.Count * g.Each / roomSize
	names := memberships(rooms, g.Count)
	join := func(i int, c *connection) error {
		argument, err := json.Marshal(names[i])
		if err != nil {
			return err
		}
		return c.request(0, "join", string(argument))
	}
	ask := func(c *connection, n int) error { return g.atOnce(c, "rooms", rooms, rooms*roomSize, n) }
	return g.broadcast(ask, g.Each, join)
}

// memberships returns the names of the rooms of each connection. The members of a room are spread over the connections, so that no
// two rooms of many have the same ones.
func memberships(rooms, connections int) [][]string {
	names := make([][]string, connections)
	for i := range names {
		names[i] = []string{}
	}
	for room := range rooms {
		first, step := 7*room, 1+room%(connections/roomSize)
		for k := range roomSize {
			member := (first + k*step) % connections
			names[member] = append(names[member], RoomName(room))
		}
	}
	return names
}

// bursts measures what one delivered message costs the server when it sends Each broadcasts to all connections back to back.
func (g *generator) bursts() (Result, error) {
	ask := func(c *connection, n int) error { return g.atOnce(c, "burst", g.Each, g.Each*g.Count, n) }
	return g.broadcast(ask, g.Each, nil)
}

// atOnce asks times times for so many messages back to back, and for the next ones after those of the time before have been delivered.
func (g *generator) atOnce(c *connection, event string, messages, deliveries, times int) error {
	padding := filler(g.Padding)
	for range times {
		want := g.delivered.Load() + int64(deliveries)
		burst := fmt.Sprintf(`{"t":%d,"n":%d,"pad":"%s"}`, time.Since(g.zero).Microseconds(), messages, padding)
		if err := c.emit(event, burst); err != nil {
			return err
		}
		if err := g.arrive(want); err != nil {
			return err
		}
	}
	return nil
}
