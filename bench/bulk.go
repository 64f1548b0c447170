package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
)

const (
	bulkIDs     = 100_000
	bulkBatch   = 20 // the most ids that one call of Bans.Add takes
	loopWorkers = 64
)

// bulk measures what bulk work costs beyond its calls: it bans the same users through Client.Bulk and in a plain loop
// over the same client. One operation is all of them.
func bulk(rounds int) {
	_, client := newSDK("https://rc.invalid", memoryTransport{})
	ids := make([]string, bulkIDs)
	for i := range ids {
		ids[i] = fmt.Sprintf("user%06d", i)
	}
	c := compare(
		rounds,
		func(b *testing.B) {
			for b.Loop() {
				banInLoop(client, ids)
			}
		},
		func(b *testing.B) {
			for b.Loop() {
				banInBulk(client, ids)
			}
		},
	)
	fmt.Printf("bulk without a limit, in memory: %.2f of a plain loop with %d workers\n", 1/c.time, loopWorkers)
}

func banInBulk(client *rcuser.Client, ids []string) {
	report, err := client.Bulk.Ban(context.Background(), rcuser.Stream(slices.Values(ids)), 10*time.Minute, rcuser.BulkOptions{})
	if err != nil || report.Done != len(ids) {
		panic(fmt.Sprintf("%d of %d ids done: %v", report.Done, len(ids), err))
	}
}

func banInLoop(client *rcuser.Client, ids []string) {
	batches := make(chan []string)
	var workers sync.WaitGroup
	for range loopWorkers {
		workers.Go(func() {
			for batch := range batches {
				if err := client.Bans.Add(context.Background(), batch, 10*time.Minute); err != nil {
					panic(err)
				}
			}
		})
	}
	for batch := range slices.Chunk(ids, bulkBatch) {
		batches <- batch
	}
	close(batches)
	workers.Wait()
}
