// Ctrl-C and SIGTERM: the first asks the work to stop at the next good place, the second ends the program at once. What is
// recorded by then is kept either way.
#pragma once

namespace nacre {

void install_interrupt_handlers();
bool interrupt_requested();

}  // namespace nacre
