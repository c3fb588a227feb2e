// Ports for servers of tests.
#ifndef KEEL_TESTS_TESTING_FREE_PORT_H_
#define KEEL_TESTS_TESTING_FREE_PORT_H_

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <random>

namespace keel::testing {

// Listens on that port of 127.0.0.1; the descriptor, or -1 if it is taken.
inline int ListenOn(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(fd, 1) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

// The first of `count` neighbouring free ports. The kernel gives them to
// nobody who asks for any port, nor to connections: they stay free while a
// server that is to come back on them is down.
inline int FreePorts(int count = 1) {
  std::random_device random;
  while (true) {
    const int first = 20000 + static_cast<int>(random() % 12000);
    int free = 0;
    while (free < count) {
      const int fd = ListenOn(first + free);
      if (fd < 0) break;
      close(fd);
      ++free;
    }
    if (free == count) return first;
  }
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_FREE_PORT_H_
