#include "worker/comm/network_interface.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

namespace keel {
namespace {

bool SameAddress(const sockaddr* a, const sockaddr* b) {
  if (a == nullptr || b == nullptr || a->sa_family != b->sa_family) {
    return false;
  }
  if (a->sa_family == AF_INET) {
    return std::memcmp(&reinterpret_cast<const sockaddr_in*>(a)->sin_addr,
                       &reinterpret_cast<const sockaddr_in*>(b)->sin_addr,
                       sizeof(in_addr)) == 0;
  }
  return a->sa_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(b)->sin6_addr,
                     sizeof(in6_addr)) == 0;
}

}  // namespace

std::string InterfaceOf(const std::string& address) {
  addrinfo* resolved = nullptr;
  if (getaddrinfo(address.c_str(), nullptr, nullptr, &resolved) != 0) return "";
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(resolved,
                                                             freeaddrinfo);
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(interfaces,
                                                          freeifaddrs);
  for (const addrinfo* a = resolved; a != nullptr; a = a->ai_next) {
    for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
      if (SameAddress(a->ai_addr, i->ifa_addr)) return i->ifa_name;
    }
  }
  return "";
}

}  // namespace keel
