#include "worker/comm/network_interface.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

TEST(NetworkInterfaceTest, FindsTheInterfaceOfAnAddress) {
  EXPECT_EQ(InterfaceOf("127.0.0.1"), "lo");
}

TEST(NetworkInterfaceTest, FindsNoneForAnAddressOfAnotherHost) {
  EXPECT_EQ(InterfaceOf("192.0.2.1"), "");
  EXPECT_EQ(InterfaceOf("no address"), "");
}

}  // namespace
}  // namespace keel
