package redisbus_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/redisbus"
)

// A program without sockets tells the clients of a cluster that a user has been removed, and
// revokes the tokens of the user.
func ExampleEmitter() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	redis := rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}
	emitter, err := redisbus.NewEmitter(ctx, redis, redisbus.EmitterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer emitter.Close()
	if err := emitter.To("lobby").Emit(ctx, "left", "ada"); err != nil {
		log.Fatal(err)
	}

	list, err := denyredis.New(ctx, redis, denyredis.Options{Keys: [][]byte{[]byte(os.Getenv("DENYLIST_KEY"))}})
	if err != nil {
		log.Fatal(err)
	}
	defer list.Close()
	now := time.Now()
	receipt, err := list.Spread(ctx, auth.Revocation{
		Match:        auth.BySubject("https://issuer.example", "ada"),
		IssuedBefore: now,
		Until:        now.Add(24 * time.Hour), // at least the longest life of a token
		Reason:       "account removed",
		At:           now,
	}, time.Second)
	if err != nil {
		log.Fatal(err)
	}
	for _, node := range receipt.Confirmed {
		log.Printf("%s: %d sockets ended", node.Node, node.Sockets)
	}
}
