// The network interface that has an address.
#ifndef KEEL_WORKER_COMM_NETWORK_INTERFACE_H_
#define KEEL_WORKER_COMM_NETWORK_INTERFACE_H_

#include <string>

namespace keel {

// The name of the interface that has `address`, an IP address or the name of a
// host; empty: there is none here. Thread-safe. May ask a name server.
std::string InterfaceOf(const std::string& address);

}  // namespace keel

#endif  // KEEL_WORKER_COMM_NETWORK_INTERFACE_H_
