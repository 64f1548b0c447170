package main

import (
	"context"
	"fmt"
	"log"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func main() {
	rc := rctest.NewServer()                     // a fake RC in memory, so that this runs as it stands
	client, err := rcuser.NewClient(rc.Config()) // the real one: the Config of rcuser.ConfigFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Users.Register(context.Background(), rcuser.Registration{UserID: "alice", Name: "Alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("a token of %d characters for %s to connect with\n", len(token.Value), token.UserID)
}
