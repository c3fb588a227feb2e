#include "tests/common/metrics/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"

namespace keel {

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  absl::Cleanup closer = [fd] { close(fd); };
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    return "";
  }
  const std::string request =
      "GET " + path +
      " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string reply;
  char block[4096];
  for (ssize_t got; (got = recv(fd, block, sizeof(block), 0)) > 0;) {
    reply.append(block, got);
  }
  const size_t head = reply.find("\r\n\r\n");
  const bool good = reply.starts_with("HTTP/1.1 200") && head != reply.npos;
  return good ? reply.substr(head + 4) : "";
}

}  // namespace keel
