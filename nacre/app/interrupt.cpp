#include "nacre/app/interrupt.hpp"

#include <unistd.h>

#include <csignal>

namespace nacre {
namespace {

volatile std::sig_atomic_t requests = 0;

void on_signal(int) {
  requests = requests + 1;
  if (requests > 1) _exit(130);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupt_requested() { return requests > 0; }

}  // namespace nacre
