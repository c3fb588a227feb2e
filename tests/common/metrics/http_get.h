// A scrape, as Prometheus makes it.
#ifndef KEEL_TESTS_COMMON_METRICS_HTTP_GET_H_
#define KEEL_TESTS_COMMON_METRICS_HTTP_GET_H_

#include <string>

namespace keel {

// The body of http://127.0.0.1:port/path; blocks until the server closes the
// connection. Empty if it cannot be reached or does not answer 200.
std::string HttpGet(int port, const std::string& path);

}  // namespace keel

#endif  // KEEL_TESTS_COMMON_METRICS_HTTP_GET_H_
