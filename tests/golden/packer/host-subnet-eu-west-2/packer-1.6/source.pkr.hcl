variable "source_image" {
  type        = string
  description = "The AMI to begin with, one of this region."
  default     = "ami-0123456789abcdef0"
}

variable "private_key" {
  type        = string
  description = "The key of this bake alone; the step seal takes its public half out of the image again."
}

variable "user_data" {
  type        = string
  description = "The cloud-config that lets this key in, so that EC2 never gets a key pair."
}

variable "manifest_file" {
  type        = string
  description = "Where Packer notes the new AMI's id."
}

# Credentials come from the environment: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
source "amazon-ebs" "image" {
  region                 = "eu-west-2"
  skip_region_validation = true
  source_ami             = var.source_image
  ami_name               = "dokku-bakery/host/20260110-0415-0123456789ab/amd64"
  ami_description        = "Docker, nginx, clean-up and health for a dokku machine"
  user_data_file         = var.user_data

  instance_type = "t3.small"

  # A machine that somebody shuts down from inside is gone, and costs nothing more.
  shutdown_behavior = "terminate"

  temporary_security_group_source_cidrs = ["203.0.113.0/24", "2001:db8::/32"]

  subnet_id = "subnet-0123456789abcdef0"

  associate_public_ip_address = true

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 40
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  ssh_interface        = "public_ip"
  ssh_port             = 22
  ssh_username         = "admin"
  ssh_private_key_file = var.private_key
  ssh_timeout          = "30m"

  # A machine may accept connections before cloud-init has brought the key: every such attempt counts.
  ssh_handshake_attempts = 1000

  # A snapshot takes as long as it takes; giving up early would throw a whole bake away.
  aws_polling {
    delay_seconds = 5
    max_attempts  = 1440
  }

  tags = {
    "Name"         = "host 20260110-0415-0123456789ab"
    "bakery:image" = "host"
  }

  snapshot_tags = {
    "Name"         = "host 20260110-0415-0123456789ab"
    "bakery:image" = "host"
  }

  run_tags = {
    "Name"       = "bake host"
    "bakery:run" = "20260110-0415-0123456789ab"
  }

  run_volume_tags = {
    "Name"       = "bake host"
    "bakery:run" = "20260110-0415-0123456789ab"
  }
}
