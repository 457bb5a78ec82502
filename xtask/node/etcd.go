package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// etcd is the API server's database: one member on the node's loopback. It never waits for the disk, since the
// cluster is thrown away rather than repaired after a crash.
func etcd() *cobra.Command {
	var directory string
	command := &cobra.Command{
		Use:          "etcd",
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			clients := url.URL{Scheme: "http", Host: "127.0.0.1:2379"}
			peers := url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
			config := embed.NewConfig()
			config.Dir = directory
			config.LogLevel = "warn"
			config.UnsafeNoFsync = true
			config.ListenClientUrls = []url.URL{clients}
			config.AdvertiseClientUrls = []url.URL{clients}
			config.ListenPeerUrls = []url.URL{peers}
			config.AdvertisePeerUrls = []url.URL{peers}
			config.InitialCluster = config.InitialClusterFromName(config.Name)
			server, err := embed.StartEtcd(config)
			if err != nil {
				return fmt.Errorf("cannot start etcd in %s: %w", directory, err)
			}
			defer server.Close()
			return <-server.Err()
		},
	}
	command.Flags().StringVar(&directory, "data-dir", "", "where to keep the data")
	if err := command.MarkFlagRequired("data-dir"); err != nil {
		panic(err) // the flag was defined two lines above
	}
	return command
}
