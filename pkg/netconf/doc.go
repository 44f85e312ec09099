// Package netconf reads the configurations of networks as container runtimes do,
// and hands vmtap's blocks on as runtimes hand them to the plugin.
package netconf
