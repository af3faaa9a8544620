variable "private_key" {
  type        = string
  description = "The key of this bake alone; the step seal takes its public half out of the image again."
}

variable "ssh_port" {
  type        = number
  description = "Where the SSH of a machine that runs already answers on 127.0.0.1."
}

# The machine is not Packer's: whoever started it switches it off, and has its disk.
source "null" "image" {
  ssh_host             = "127.0.0.1"
  ssh_port             = var.ssh_port
  ssh_username         = "ubuntu"
  ssh_private_key_file = var.private_key
  ssh_timeout          = "5m"
}
